#include "prepare.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <vector>

namespace {

int rounded(double value) { return static_cast<int>(std::nearbyint(value)); }  // half to even

cv::Mat resized(const cv::Mat &picture, double factor) {
    const cv::Size shape(std::max(1, rounded(picture.cols * factor)),
                         std::max(1, rounded(picture.rows * factor)));
    cv::Mat result;
    cv::resize(picture, result, shape, 0, 0, factor < 1 ? cv::INTER_AREA : cv::INTER_LINEAR);
    return result;
}

bool coloured(const cv::Mat &picture, double tolerance) {
    std::vector<cv::Mat> channels;
    cv::split(picture, channels);
    return cv::norm(channels[0], channels[1], cv::NORM_INF) > tolerance ||
           cv::norm(channels[1], channels[2], cv::NORM_INF) > tolerance;
}

// Whether the light pixels are ink: paper holds most of area, border and corners.
bool light_is_ink(const cv::Mat &light) {
    const int bottom = light.rows - 1, right = light.cols - 1;
    const double border = cv::countNonZero(light.row(0)) + cv::countNonZero(light.row(bottom)) +
                          cv::countNonZero(light.col(0)) + cv::countNonZero(light.col(right));
    const double corners = light.at<uchar>(0, 0) + light.at<uchar>(0, right) +
                           light.at<uchar>(bottom, 0) + light.at<uchar>(bottom, right);
    const double area = cv::countNonZero(light) / static_cast<double>(light.total());
    return area + border / (2.0 * (light.rows + light.cols)) + corners / 4 <= 1.5;
}

// Grey levels that a quarter, half and three quarters of the paper and most of the ink do not
// exceed.
std::array<int, 4> levels_of(const cv::Mat &grey, double area, double ink_quantile) {
    std::array<double, 256> counts{};
    for (int y = 0; y < grey.rows; ++y)
        for (int x = 0; x < grey.cols; ++x) ++counts[grey.at<uchar>(y, x)];
    const double paper = static_cast<double>(grey.total()) - area;
    const std::array<double, 4> ranks{paper / 4, paper / 2, 3 * paper / 4,
                                      paper + ink_quantile * area};
    std::array<int, 4> levels{};
    for (std::size_t i = 0; i < ranks.size(); ++i) {
        double seen = counts[0];
        while (seen < ranks[i] && levels[i] < 255) seen += counts[++levels[i]];
    }
    return levels;
}

// Puts paper in place of parts that are small beside the largest.
void remove_specks(cv::Mat &grey, cv::Mat &mask, int paper, double least) {
    std::vector<std::vector<cv::Point>> parts;
    cv::findContours(mask.clone(), parts, cv::RETR_EXTERNAL, cv::CHAIN_APPROX_SIMPLE);
    if (parts.size() == 1) return;
    cv::Mat labels, stats, centres;
    const int count = cv::connectedComponentsWithStats(mask, labels, stats, centres, 8);
    int largest = 0;
    for (int i = 1; i < count; ++i) largest = std::max(largest, stats.at<int>(i, cv::CC_STAT_AREA));
    cv::Mat kept = cv::Mat::zeros(mask.size(), CV_8U);
    for (int i = 1; i < count; ++i)
        if (stats.at<int>(i, cv::CC_STAT_AREA) >= least * largest) kept.setTo(1, labels == i);
    const cv::Mat around = cv::Mat::ones(3, 3, CV_8U);
    cv::Mat specks = mask ^ kept, strokes;
    cv::dilate(specks, specks, around);
    cv::dilate(kept, strokes, around);
    grey.setTo(paper, specks > strokes);
    mask = kept;
}

// The box of the ink with the strokes' soft edges.
cv::Rect ink_box(const cv::Mat &ink, const cv::Mat &mask, double fringe) {
    cv::Rect box = cv::boundingRect(mask);
    const int grow = 1 + std::max(box.width, box.height) / 20;
    box += cv::Size(2 * grow, 2 * grow);
    box -= cv::Point(grow, grow);
    box &= cv::Rect(0, 0, ink.cols, ink.rows);
    cv::Mat soft;
    cv::threshold(ink(box), soft, fringe, 1, cv::THRESH_BINARY);
    const cv::Rect inner = cv::boundingRect(soft);
    return inner.width ? inner + box.tl() : box;
}

// Scales the box and its ink, and puts its centre of mass into the middle.
cv::Mat placed(cv::Mat ink, double full, int size, const nlohmann::json &rules) {
    const int wanted = rounded(rules["box"].get<double>() * size);
    const int longer = std::max(ink.rows, ink.cols);
    if (std::abs(longer - wanted) > rules["scale_tolerance"].get<double>() * wanted) {
        ink = resized(ink, wanted / static_cast<double>(longer));
        double highest = 0;
        cv::minMaxLoc(ink, nullptr, &highest);
        if (wanted < longer) full = std::min(full, std::max(highest, 1.0));
    }
    cv::convertScaleAbs(ink, ink, 255 / full);
    cv::Mat output = cv::Mat::zeros(size, size, CV_8U);
    const cv::Moments moments = cv::moments(ink);
    if (moments.m00 == 0) return output;
    const int x = rounded(size / 2.0 - moments.m10 / moments.m00);
    const int y = rounded(size / 2.0 - moments.m01 / moments.m00);
    ink.copyTo(output(cv::Rect(std::clamp(x, 0, size - ink.cols), std::clamp(y, 0, size - ink.rows),
                               ink.cols, ink.rows)));
    return output;
}

}  // namespace

cv::Mat prepare(cv::Mat picture, int size, const nlohmann::json &rules) {
    const int longer = std::max(picture.rows, picture.cols);
    const int side = rules["work_side"];
    if (longer > side) picture = resized(picture, side / static_cast<double>(longer));
    cv::Mat grey = picture.clone(), mask;
    if (picture.channels() == 3) {
        if (coloured(picture, rules["paper"]["colour"])) return {};
        cv::extractChannel(picture, grey, 1);
    }
    double low = 0, high = 0;
    cv::minMaxLoc(grey, &low, &high);
    if (high - low < rules["least_contrast"].get<double>()) return cv::Mat::zeros(size, size, CV_8U);
    cv::threshold(grey, mask, 0, 1, cv::THRESH_BINARY | cv::THRESH_OTSU);
    if (!light_is_ink(mask)) {
        grey = ~grey;
        mask = 1 - mask;
    }
    const auto [quarter, median, three_quarters, top] =
        levels_of(grey, cv::countNonZero(mask), rules["ink_quantile"]);
    const double contrast = top - median;
    if (median - quarter > rules["uneven"].get<double>() * contrast) return {};
    if (three_quarters - median > rules["shaded"].get<double>() * contrast) return {};
    remove_specks(grey, mask, median, rules["speck"]);
    const int black = std::min(median + 3 * (median - quarter), (median + top) / 2);
    const cv::Mat ink = grey - black;  // saturates at zero
    const double full = std::max(top - black, 1);
    const cv::Rect box = ink_box(ink, mask, rules["fringe"].get<double>() * full);
    return placed(ink(box).clone(), full, size, rules);
}
